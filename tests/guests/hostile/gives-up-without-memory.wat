;; Takes memory until it is refused, and gives up as a Rust guest does.
(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
unreachable
