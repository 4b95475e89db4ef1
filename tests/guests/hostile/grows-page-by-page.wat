;; Asks for one page at a time, until it is refused.
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
unreachable
