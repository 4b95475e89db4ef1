;; Reads where it has no memory.
(i32.load (i32.const -16))
