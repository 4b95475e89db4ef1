;; Fills memory that it does not have.
(memory.fill (i32.const 0) (i32.const 7) (i32.const 0x7fffffff))
(i32.const 1024)
