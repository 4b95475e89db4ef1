;; Throws an exception that nobody catches.
(throw $e)
;;; module
(tag $e)
