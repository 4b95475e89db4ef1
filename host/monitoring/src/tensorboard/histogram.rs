//! TensorFlow's histogram (`tensorflow/core/lib/histogram/histogram.cc`): exponential buckets from 1e-12 to 1e20 on both
//! sides of zero.

use std::sync::LazyLock;

use super::proto::HistogramProto;

/// The upper ends of the buckets. A bucket holds what is below its end and not below the end before it.
static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let grow = |limit: &f64| Some(limit * 1.1);
    let positive = std::iter::successors(Some(1e-12), grow).take_while(|limit| *limit < 1e20);
    let positive: Vec<f64> = positive.chain([f64::MAX]).collect();
    let negative = positive.iter().rev().map(|limit| -limit);
    negative
        .chain([0.0])
        .chain(positive.iter().copied())
        .collect()
});

/// The histogram of the finite numbers among these; none where there is none.
pub(super) fn of(values: &[f64]) -> Option<HistogramProto> {
    let mut counts = vec![0_u64; LIMITS.len()];
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut num, mut sum, mut sum_squares) = (0_u64, 0.0, 0.0);
    for &value in values.iter().filter(|value| value.is_finite()) {
        let bucket = LIMITS.partition_point(|limit| *limit <= value);
        // The largest number of all lies on the last limit.
        counts[bucket.min(LIMITS.len() - 1)] += 1;
        min = min.min(value);
        max = max.max(value);
        num += 1;
        sum += value;
        sum_squares += value * value;
    }
    let first = counts.iter().position(|&count| count > 0)?;
    let last = counts.iter().rposition(|&count| count > 0)?;
    let (mut bucket_limit, mut bucket) = (Vec::new(), Vec::new());
    // A run of empty buckets is written as one.
    let held = LIMITS[first..=last].iter().zip(&counts[first..=last]);
    for (&limit, &count) in held {
        if count == 0 && bucket.last() == Some(&0.0) {
            bucket_limit.pop();
            bucket.pop();
        }
        bucket_limit.push(limit);
        bucket.push(count as f64);
    }
    Some(HistogramProto {
        min,
        max,
        num: num as f64,
        sum,
        sum_squares,
        bucket_limit,
        bucket,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tensorflows_limits() {
        assert_eq!(LIMITS.len(), 1551);
        assert!(LIMITS.is_sorted());
        assert_eq!((LIMITS[0], LIMITS[1550]), (f64::MIN, f64::MAX));
    }

    #[test]
    fn runs_of_empty_buckets_are_one() {
        let histogram = of(&[1.0, 1.0, 1000.0, f64::NAN]).unwrap();
        assert_eq!(histogram.bucket, [2.0, 0.0, 1.0]);
        assert_eq!(
            (histogram.min, histogram.max, histogram.num),
            (1.0, 1000.0, 3.0)
        );
        assert!(of(&[]).is_none() && of(&[f64::INFINITY]).is_none());
    }

    proptest! {
        #[test]
        fn every_number_is_in_its_bucket(values in prop::collection::vec(any::<f64>(), 1..200)) {
            let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let Some(histogram) = of(&values) else {
                prop_assert!(finite.is_empty());
                return Ok(());
            };
            prop_assert_eq!(histogram.num, finite.len() as f64);
            prop_assert_eq!(histogram.bucket.iter().sum::<f64>(), finite.len() as f64);
            prop_assert!(histogram.bucket_limit.is_sorted());
            let mut below = 0.0;
            for (limit, count) in histogram.bucket_limit.iter().zip(&histogram.bucket) {
                below += count;
                let expected = finite.iter().filter(|value| *value < limit || *limit == f64::MAX).count();
                prop_assert_eq!(below, expected as f64);
            }
        }
    }
}
