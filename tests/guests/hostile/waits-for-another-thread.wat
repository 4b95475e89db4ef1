;; Waits on an atomic for a thread that there is not.
(memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))
