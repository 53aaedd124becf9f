//! The dnsmasq dialect (dnsmasq(8)).
//!
//! ```text
//! address=/example.com/            the name and all below it; also with 0.0.0.0, ::, 127.0.0.1 or # behind it
//! local=/example.com/              the same
//! server=/example.com/             the same: no server to ask
//! address=/*.example.com/          all below the name
//! server=/example.com/#            an exception: asked as usual
//! address=/a.example/b.example/    several names
//! server=/example.com/192.0.2.1    where to ask: left
//! address=/example.com/192.0.2.1   a redirection: left
//! ```

use super::reason::SkipReason;
use super::taken::Taken;
use super::text::is_null_address;
use crate::rule::RuleKind;

pub(super) fn read(line: &str, _: RuleKind, taken: &mut Taken) {
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    let Some((option, value)) = line.split_once('=') else { return taken.skip(SkipReason::OtherDirective) };
    let Some(value) = value.trim_start().strip_prefix('/') else { return taken.skip(SkipReason::OtherDirective) };
    let Some((names, target)) = value.rsplit_once('/') else { return taken.malformed() };
    match kind(option.trim(), target.split_once(" #").map_or(target, |(target, _)| target).trim()) {
        Ok(kind) => names.split('/').for_each(|name| take(name, kind, taken)),
        Err(reason) => taken.skip(reason),
    }
}

fn kind(option: &str, target: &str) -> Result<RuleKind, SkipReason> {
    match (option, target) {
        ("address", target) if target.is_empty() || target == "#" || is_null_address(target) => Ok(RuleKind::Suffix),
        ("address", _) => Err(SkipReason::Rewrite),
        ("server" | "local", "") => Ok(RuleKind::Suffix),
        ("server" | "local", "#") => Ok(RuleKind::Exception),
        ("server" | "local", _) => Err(SkipReason::Forward),
        _ => Err(SkipReason::OtherDirective),
    }
}

fn take(name: &str, kind: RuleKind, taken: &mut Taken) {
    let below = name.strip_prefix("*.");
    let kind = match (kind, below) {
        (RuleKind::Suffix, Some(_)) => RuleKind::Below,
        (RuleKind::Exception, Some(_)) => RuleKind::SparedBelow,
        (kind, _) => kind,
    };
    let name = below.unwrap_or(name);
    taken.take(name.strip_prefix('.').unwrap_or(name), kind);
}
