;; Has a second table, which no compiler of a guest makes.
;;; module
(table 1 funcref)
(table 1 funcref)
