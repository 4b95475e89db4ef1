;; Needs a table of ten million places to start.
;;; module
(table 10000000 funcref)
