;; Reads its secret, writes it into its log, and gives up.
(call $config (i32.const 512) (i32.const 5) (i32.const 528))
(call $log (i32.const 4) (i32.load (i32.const 536)) (i32.load (i32.const 540)) (i32.const 0) (i32.const 0))
unreachable
;;; imports
(import "steward:config/config@0.1.0" "get" (func $config (param i32 i32 i32)))
(import "steward:log/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
;;; module
(data (i32.const 512) "token")
