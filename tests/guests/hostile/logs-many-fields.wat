;; Writes one log line with 100,000 empty fields.
(drop (memory.grow (i32.const 32)))
(call $log (i32.const 2) (i32.const 512) (i32.const 4) (i32.const 65536) (i32.const 100000))
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 2048))
(i32.store (i32.const 1032) (local.get $count))
(i32.const 1024)
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
