;; Its answer lies where it has no memory.
(i32.const -8)
