;; Its memory grows to 100 MiB, and its answer is one error text of all of it.
(drop (memory.grow (i32.const 1600)))
(i32.store8 (i32.const 1024) (i32.const 1))
(i32.store8 (i32.const 1028) (i32.const 3))
(i32.store (i32.const 1032) (i32.const 0))
(i32.store (i32.const 1036) (i32.const 104857600))
(i32.const 1024)
