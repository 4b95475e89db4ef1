;; Writes a log line that looks like two, the second of another.
(call $log (i32.const 2) (i32.const 512) (i32.const 21) (i32.const 0) (i32.const 0))
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 2048))
(i32.store (i32.const 1032) (local.get $count))
(i32.const 1024)
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
;;; module
(data (i32.const 512) "one\0aerror \1b[31mtwo\00!")
