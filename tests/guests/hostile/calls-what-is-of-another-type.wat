;; Calls a function as if it were of another type.
(call_indirect (result i32) (i32.const 0))
;;; module
(func $other (param i64))
(table funcref (elem $other))
