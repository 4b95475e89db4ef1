;; Writes log lines for ever.
(loop $ever
  (call $log (i32.const 2) (i32.const 1024) (i32.const 1000) (i32.const 0) (i32.const 0))
  (br $ever))
unreachable
;;; imports
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
