;; Writes one log line of 40 MB.
(drop (memory.grow (i32.const 640)))
(memory.fill (i32.const 65536) (i32.const 0x78) (i32.const 40000000))
(call $log (i32.const 2) (i32.const 65536) (i32.const 40000000) (i32.const 0) (i32.const 0))
(i32.const 1024)
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
