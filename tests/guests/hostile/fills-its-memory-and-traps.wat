;; Writes into all the memory that it can have, and gives up.
(local $pages i32)
(loop $more
  (local.set $pages (memory.grow (i32.const 16)))
  (br_if $more (i32.ne (local.get $pages) (i32.const -1))))
(memory.fill (i32.const 65536) (i32.const 7) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 65536)))
unreachable
