;; Its answer has a thousand outcomes for a batch of one.
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 2048))
(i32.store (i32.const 1032) (i32.const 1000))
(i32.const 1024)
