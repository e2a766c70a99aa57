//! What the operator of a worker lets it scan, whatever a job says.

use crate::plan::{IpRange, Plan, special};

/// What is permitted and what is not; without prefixes that are permitted, all addresses
/// that serve no special purpose.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpRange>,
    forbid: Vec<IpRange>,
}

impl Guard {
    /// Permits `allow` alone (where that is not empty), less `forbid`.
    #[must_use]
    pub fn new(allow: Vec<IpRange>, forbid: Vec<IpRange>) -> Self {
        Self { allow, forbid }
    }

    /// Whether all of `plan` is permitted.
    ///
    /// # Errors
    /// The first address that is not, and why.
    pub fn check(&self, plan: &Plan) -> Result<(), String> {
        for range in plan.ranges() {
            if let Some(part) = self.forbid.iter().find_map(|one| one.common(&range)) {
                return Err(format!("{part} is excluded here"));
            }
            if self.allow.is_empty() {
                let special = special::all()
                    .iter()
                    .find_map(|entry| entry.range.common(&range).map(|part| (part, entry.name)));
                if let Some((part, name)) = special {
                    return Err(format!("{part} serves a special purpose ({name}): --allow"));
                }
            } else if let Some(outside) = outside(range, &self.allow) {
                return Err(format!("{outside} is not among what --allow permits here"));
            }
        }
        Ok(())
    }
}

/// The first part of `range` that none of `allowed` holds.
fn outside(range: IpRange, allowed: &[IpRange]) -> Option<IpRange> {
    let mut left = vec![range];
    for one in allowed {
        left = left.into_iter().flat_map(|part| part.without(one)).collect();
    }
    left.into_iter().next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan::{PortSet, TargetToken, parse_target};

    fn ranges(text: &str) -> Vec<IpRange> {
        let one = |text| match parse_target(text).unwrap() {
            TargetToken::Ranges(ranges) => ranges,
            TargetToken::Hostname(_) => panic!("{text}"),
        };
        text.split_whitespace().flat_map(one).collect()
    }

    fn verdict(targets: &str, allow: &str, forbid: &str) -> Result<(), String> {
        let mut builder = Plan::builder();
        for range in ranges(targets) {
            builder.target(&[range], true);
        }
        let plan = builder.ports(PortSet::new([80])).build().unwrap();
        Guard::new(ranges(allow), ranges(forbid)).check(&plan)
    }

    #[test]
    fn what_is_forbidden_is_refused_by_any_address() {
        assert_eq!(verdict("203.0.112.0/24", "", ""), Ok(()));
        assert!(verdict("203.0.112.0/24", "", "203.0.112.255").is_err());
        assert!(verdict("203.0.112.0/24", "203.0.112.0/24", "203.0.112.0/30").is_err());
        assert!(verdict("2a00::/126", "", "2a00::3").is_err());
        assert_eq!(verdict("2a00::/126", "", "2a00::4 203.0.113.0"), Ok(()));
    }

    #[test]
    fn what_serves_a_special_purpose_needs_a_word() {
        assert!(verdict("198.18.0.0/24", "", "").unwrap_err().contains("--allow"));
        assert_eq!(verdict("198.18.0.0/24", "198.18.0.0/15", ""), Ok(()));
        assert!(verdict("127.0.0.1", "198.18.0.0/15", "").is_err());
    }

    #[test]
    fn what_is_permitted_is_a_union() {
        let allow = "203.0.112.0-99 203.0.112.100-200 203.0.112.190-255";
        assert_eq!(verdict("203.0.112.0/24", allow, ""), Ok(()));
        let gap = "203.0.112.0-99 203.0.112.101-255";
        assert!(verdict("203.0.112.0/24", gap, "").unwrap_err().starts_with("203.0.112.100 "));
        assert!(verdict("2a00::1", "0.0.0.0/0", "").is_err());
    }
}
