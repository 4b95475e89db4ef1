;; Computes for ever.
(loop $ever (br $ever))
unreachable
