;; Asks for values by names that it has not declared; gives up where it gets one.
(call $config (i32.const 512) (i32.const 12) (i32.const 528))
(if (i32.eqz (i32.load8_u (i32.const 528))) (then unreachable))
(call $config (i32.const 544) (i32.const 5) (i32.const 528))
(if (i32.eqz (i32.load8_u (i32.const 528))) (then unreachable))
(call $config (i32.const 544) (i32.const 0) (i32.const 528))
(if (i32.eqz (i32.load8_u (i32.const 528))) (then unreachable))
(i32.store8 (i32.const 1024) (i32.const 0))
(i32.store (i32.const 1028) (i32.const 2048))
(i32.store (i32.const 1032) (local.get $count))
(i32.const 1024)
;;; imports
(import "steward:config/config@0.1.0" "get" (func $config (param i32 i32 i32)))
;;; module
(data (i32.const 512) "../neighbour")
(data (i32.const 544) "token")
