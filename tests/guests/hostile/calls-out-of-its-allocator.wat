;; Calls the host while the host calls its allocator.
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
;;; realloc
(call $log (i32.const 1) (i32.const 512) (i32.const 4) (i32.const 0) (i32.const 0))
(i32.const 70000)
