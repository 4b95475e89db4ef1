;; Takes places in its table until it is refused.
(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
unreachable
;;; module
(table $t 1 funcref)
