;; Hands a text to the host that is not UTF-8.
(i32.store16 (i32.const 512) (i32.const 0xfffe))
(call $log (i32.const 2) (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 0))
(i32.const 1024)
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
