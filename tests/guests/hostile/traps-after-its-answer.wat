;; Gives up when the host has read its answer.
;;; module
(func (export "cabi_post_steward:cleaning/cleaner@0.1.0#clean") (param i32) unreachable)
