;; Its answer has no outcome for the documents of the batch.
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 2048))
(i32.store (i32.const 1032) (i32.const 0))
(i32.const 1024)
