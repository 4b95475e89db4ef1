;; Is good while it is examined; in a deployment that sets a value it computes for ever before it can be called.
;;; imports
(import "steward:config/config@0.1.0" "get" (func $config (param i32 i32 i32)))
;;; module
(data (i32.const 512) "mode")
(func (export "_initialize")
  (call $config (i32.const 512) (i32.const 4) (i32.const 528))
  (if (i32.and (i32.eqz (i32.load8_u (i32.const 528))) (i32.load8_u (i32.const 532)))
    (then (loop $ever (br $ever)))))
