;; Calls itself without end, each time through its table.
(call_indirect (param i32 i32) (result i32) (local.get $batch) (local.get $count) (i32.const 0))
;;; module
(table funcref (elem $clean))
