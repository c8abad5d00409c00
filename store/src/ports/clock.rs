use umoja_schema::Millis;

/// Reads the time. Services call it inside each operation, never at start-up: the clock of a thawed Lambda has been
/// observed minutes late.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}

/// A source of random bytes suitable for keys.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// An array of random bytes.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The same byte again and again.
#[cfg(test)]
pub(crate) struct Fixed(pub u8);

#[cfg(test)]
impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}
