;; Calls itself without end.
(call $clean (local.get $batch) (local.get $count))
