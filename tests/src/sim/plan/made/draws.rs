//! Numbers of a run that are drawn without a strategy.

/// Draws numbers by Knuth's MMIX generator: any are fine if they are the same each time.
pub(super) struct Draws(u64);

impl Draws {
    /// The draws of a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `of`.
    pub(super) fn below(&mut self, of: u8) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((self.0 >> 33) % u64::from(of)).unwrap_or_default()
    }
}
