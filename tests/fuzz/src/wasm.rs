//! Mutations that keep a component in one piece: its sections are dropped, doubled, swapped, put into
//! a component of their own or changed inside, with lengths that are right. Bytes changed anywhere
//! mostly end at the first length.

use crate::mutate::{Rng, mutated};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE: &[u8] = b"\0asm\x01\0\0\0";

/// A section: its id and its content.
type Section = (u8, Vec<u8>);

/// The preamble and the sections of a component or a module; none where it is neither.
fn sections(bytes: &[u8]) -> Option<(&[u8], Vec<Section>)> {
    let (preamble, mut rest) = bytes.split_at_checked(8)?;
    let mut sections = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (content, after) = after.split_at_checked(length)?;
        sections.push((id, content.to_vec()));
        rest = after;
    }
    Some((preamble, sections))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

fn joined(preamble: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut bytes = preamble.to_vec();
    for (id, content) in sections {
        bytes.push(*id);
        let mut length = content.len();
        while length > 0x7f {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(content);
    }
    bytes
}

/// A component made out of others.
pub fn component(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let seed = rng.pick(corpus).cloned().unwrap_or_default();
    if rng.below(4) == 0 {
        return mutated(rng, &seed, corpus, &[]);
    }
    changed(rng, &seed, corpus, 0)
}

fn changed(rng: &mut Rng, bytes: &[u8], corpus: &[Vec<u8>], depth: usize) -> Vec<u8> {
    let Some((preamble, mut list)) = sections(bytes) else {
        return mutated(rng, bytes, corpus, &[]);
    };
    for _ in 0..=rng.below(3) {
        let at = rng.below(list.len());
        match rng.below(8) {
            0 if !list.is_empty() => drop(list.remove(at)),
            1 if !list.is_empty() => {
                let again = list[at].clone();
                let times = 1 << rng.below(8);
                list.splice(at..at, std::iter::repeat_n(again, times));
            }
            2 if !list.is_empty() => {
                let other = rng.below(list.len());
                list.swap(at, other);
            }
            3 => {
                // A section of another component.
                let other = rng.pick(corpus).and_then(|other| sections(other));
                if let Some(taken) = other.and_then(|(_, list)| rng.pick(&list).cloned()) {
                    list.insert(at, taken);
                }
            }
            4 => {
                // All of it within a component within a component …
                let mut inner = joined(preamble, &list);
                for _ in 0..rng.below(70) {
                    inner = joined(COMPONENT, &[(4, inner)]);
                }
                list.insert(at, (4, inner));
            }
            5 => {
                // Types within types.
                let kind = 0x41 + rng.below(2) as u8;
                let mut types = vec![1];
                types.extend([kind, 1, 1].repeat(1 << rng.below(14)));
                types.extend([kind, 0]);
                list.push((7, types));
            }
            _ => {
                if let Some((id, content)) = list.get_mut(at) {
                    // Core modules and components are made of sections themselves.
                    let nested = matches!(*id, 1 | 4)
                        && (content.starts_with(COMPONENT) || content.starts_with(CORE));
                    *content = match nested && depth < 3 {
                        true => changed(rng, content, corpus, depth + 1),
                        false => mutated(rng, content, &[], &[]),
                    };
                }
            }
        }
        list.truncate(2000);
    }
    joined(preamble, &list)
}
