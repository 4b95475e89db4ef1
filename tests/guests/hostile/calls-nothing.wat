;; Calls through an empty place of its table.
(call_indirect (result i32) (i32.const 0))
;;; module
(table 1 funcref)
