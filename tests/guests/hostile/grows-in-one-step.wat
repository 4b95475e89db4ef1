;; Asks for all the memory there is, and gives up as a Rust guest does.
(if (i32.eq (memory.grow (i32.const 65534)) (i32.const -1)) (then unreachable))
(i32.const 1024)
