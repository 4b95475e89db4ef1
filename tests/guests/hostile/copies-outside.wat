;; Copies from where it has no memory.
(memory.copy (i32.const 0) (i32.const 0x7fff0000) (i32.const 4096))
(i32.const 1024)
