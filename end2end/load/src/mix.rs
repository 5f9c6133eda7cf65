//! What a crowd does: kinds of presses and their shares.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use serde::Serialize;

/// Kinds of requests, measured apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The same request again and again.
    Fixed,
    /// A page token is asked for.
    Token,
    /// One registration of somebody new.
    New,
    /// A registration that was acknowledged, sent again.
    Retry,
    /// A registration of somebody new, sent several times at once.
    Duplicate,
    /// Input that has to be refused.
    Bad,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Fixed, Self::Token, Self::New, Self::Retry, Self::Duplicate, Self::Bad];

    /// Its name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Token => "token",
            Self::New => "new",
            Self::Retry => "retry",
            Self::Duplicate => "duplicate",
            Self::Bad => "bad",
        }
    }
}

/// Weights of the kinds of presses of a crowd. As text: `new=5,retry=95`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mix {
    /// Of [`Kind::New`].
    pub new: u32,
    /// Of [`Kind::Retry`]. While nothing is acknowledged, somebody new comes instead.
    pub retry: u32,
    /// Of [`Kind::Duplicate`].
    pub duplicate: u32,
    /// Of [`Kind::Bad`].
    pub bad: u32,
    /// How often a duplicate is sent: 2 or more.
    pub copies: u32,
    /// Whether people retry one after the other, nobody twice before everybody once, and not by chance.
    pub in_order: bool,
}

impl Default for Mix {
    /// Everybody is new; duplicates, where there are any, come twice.
    fn default() -> Self {
        Self { new: 1, ..Self::NOTHING }
    }
}

impl Mix {
    const NOTHING: Self = Self { new: 0, retry: 0, duplicate: 0, bad: 0, copies: 2, in_order: false };

    /// Only one kind. [`Kind::Fixed`] and [`Kind::Token`] are no part of a mix: of them nothing comes.
    pub fn only(kind: Kind) -> Self {
        let mut mix = Self::NOTHING;
        if let Some(weight) = mix.weight_mut(kind) {
            *weight = 1;
        }
        mix
    }

    fn weight_mut(&mut self, kind: Kind) -> Option<&mut u32> {
        match kind {
            Kind::New => Some(&mut self.new),
            Kind::Retry => Some(&mut self.retry),
            Kind::Duplicate => Some(&mut self.duplicate),
            Kind::Bad => Some(&mut self.bad),
            Kind::Fixed | Kind::Token => None,
        }
    }

    /// The sum of the weights.
    pub fn total(&self) -> u64 {
        [self.new, self.retry, self.duplicate, self.bad].into_iter().map(u64::from).sum()
    }

    /// The part of all presses that needs a token of its own: 0 to 1.
    pub fn fresh(&self) -> f64 {
        (u64::from(self.new) + u64::from(self.duplicate)) as f64 / self.total().max(1) as f64
    }

    /// One kind by chance, or `None` when every weight is 0.
    pub fn choose(&self, random: &mut SmallRng) -> Option<Kind> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let mut at = if total == 1 { 0 } else { random.random_range(0..total) };
        let kinds = [
            (Kind::New, self.new),
            (Kind::Retry, self.retry),
            (Kind::Duplicate, self.duplicate),
            (Kind::Bad, self.bad),
        ];
        for (kind, weight) in kinds {
            if at < u64::from(weight) {
                return Some(kind);
            }
            at -= u64::from(weight);
        }
        None
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self::NOTHING;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong =
                || format!("{part:?} is not one of new, retry, duplicate, bad with a weight, like new=5");
            let (name, weight) = part.split_once('=').ok_or_else(wrong)?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name.trim()).ok_or_else(wrong)?;
            let weight = weight.trim().parse().map_err(|_| wrong())?;
            *mix.weight_mut(kind).ok_or_else(wrong)? = weight;
        }
        if mix.total() == 0 {
            return Err("every weight of the mix is 0".to_owned());
        }
        Ok(mix)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, retry, duplicate, bad, .. } = self;
        write!(f, "new={new},retry={retry},duplicate={duplicate},bad={bad}")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn kinds_come_by_their_weights_and_by_the_seed() {
        let mix: Mix = "new=5,retry=80,duplicate=10,bad=5".parse().unwrap();
        let draw = |seed| {
            let mut random = SmallRng::seed_from_u64(seed);
            (0..20_000).map(|_| mix.choose(&mut random).unwrap()).collect::<Vec<Kind>>()
        };
        let kinds = draw(7);
        for (kind, expected) in
            [(Kind::New, 1000), (Kind::Retry, 16_000), (Kind::Duplicate, 2000), (Kind::Bad, 1000)]
        {
            let count = kinds.iter().filter(|drawn| **drawn == kind).count();
            let deviation = f64::from(expected).sqrt() * 6.0;
            assert!((count as f64 - f64::from(expected)).abs() < deviation, "{kind:?}: {count}");
        }
        assert_eq!(kinds, draw(7));
        assert_ne!(kinds, draw(8));
    }

    #[test]
    fn what_has_no_weight_never_comes() {
        let mut random = SmallRng::seed_from_u64(1);
        let mix: Mix = "retry=3,bad=1".parse().unwrap();
        assert!((0..1000).all(|_| matches!(mix.choose(&mut random), Some(Kind::Retry | Kind::Bad))));
        assert_eq!(Mix::only(Kind::Retry).choose(&mut random), Some(Kind::Retry));
        assert_eq!(Mix::only(Kind::Fixed).choose(&mut random), None);
    }

    #[test]
    fn a_mix_reads_as_it_is_written() {
        let mix = Mix { new: 1, retry: 2, duplicate: 3, bad: 4, copies: 2, in_order: false };
        assert_eq!(mix.to_string().parse(), Ok(mix));
        for wrong in ["", "new", "new=x", "token=1", "everybody=1", "new=0"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }
}
