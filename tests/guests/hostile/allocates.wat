;; Asks for memory for ever, refused or not.
(loop $more (drop (memory.grow (i32.const 16))) (br $more))
unreachable
