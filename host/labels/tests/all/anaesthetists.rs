//! Table 1 of Dawid and Skene, 1979: how fit 45 patients are for anaesthesia, 1 to 4, by five anaesthetists. The first one
//! assessed all patients three times; the passes are three annotators here.

use steward_labels::Annotation;

/// A line for each of nine patients; of each patient the three passes of the first anaesthetist, then the other four.
const ASSESSMENTS: &str = "\
    1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 \
    2322223 4444444 2223343 1111111 2223212 1211111 1112111 1111111 1111111 \
    2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 \
    1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 \
    2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222";

pub fn assessments() -> Vec<Annotation> {
    let mut all = Vec::new();
    for (patient, assessed) in ASSESSMENTS.split_whitespace().enumerate() {
        for (who, label) in ["1a", "1b", "1c", "2", "3", "4", "5"]
            .iter()
            .zip(assessed.chars())
        {
            all.push(Annotation::new(format!("{:02}", patient + 1), *who, label));
        }
    }
    all
}
