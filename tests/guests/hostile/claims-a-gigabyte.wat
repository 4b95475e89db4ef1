;; Says that its answer is a list of 40 million outcomes, a gigabyte and more, in a memory of 128 KiB.
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 0))
(i32.store (i32.const 1032) (i32.const 40000000))
(i32.const 1024)
