;; Calls through a place that its table does not have.
(call_indirect (result i32) (i32.const 4711))
;;; module
(table 1 funcref)
