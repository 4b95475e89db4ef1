;; Hands a level to the host that there is not.
(call $log (i32.const 77) (i32.const 512) (i32.const 2) (i32.const 0) (i32.const 0))
(i32.const 1024)
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
