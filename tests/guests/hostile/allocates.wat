;; Takes memory until it is refused, and then some.
(loop $more (drop (memory.grow (i32.const 16))) (br_if $more (i32.lt_u (memory.size) (i32.const 60000))))
unreachable
