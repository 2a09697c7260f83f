//! What a directory entry of the PPSE says about priority and kernel (EMV Contactless Book B, 3.3.1).

/// Application Priority Indicator (`87`), 1 byte (EMV Contactless Book B, Table 3-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ApplicationPriority(pub u8);

impl ApplicationPriority {
    /// Whether the application may be selected only after the cardholder confirmed it
    /// (EMV Book 1, 12.2.3).
    pub fn needs_confirmation(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// 1 for the highest priority to 15 for the lowest; no priority counts as 15
    /// (EMV Contactless Book B, 3.3).
    //= A 8.1.1.9
    //= B 3.3.1.1
    pub fn rank(self) -> u8 {
        match self.0 & 0x0F {
            0 => 15,
            rank => rank,
        }
    }
}

/// The first byte of a Kernel Identifier (`9F2A`): which type of kernel, and the Short Kernel ID
/// (EMV Contactless Book B, Table 3-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KernelType(pub u8);

impl KernelType {
    /// Whether the kernel is a domestic one, whose identifier goes on in bytes 2 and 3.
    pub fn is_domestic(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The Short Kernel ID.
    pub fn short_kernel_id(self) -> u8 {
        self.0 & 0x3F
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test A 8.1.1.9
    //= test B 3.3.1.1
    #[test]
    fn no_priority_is_the_lowest_and_reserved_bits_do_not_count() {
        let ranks = [0x01, 0x0F, 0x00, 0xF0, 0xF2].map(|byte| ApplicationPriority(byte).rank());
        assert_eq!(ranks, [1, 15, 15, 15, 2]);
        assert!(ApplicationPriority(0x81).needs_confirmation() && !ApplicationPriority(0x01).needs_confirmation());
    }

    #[test]
    fn the_two_upper_bits_tell_the_type_of_kernel() {
        for (byte, is_domestic, short_kernel_id) in
            [(0x03, false, 3), (0x43, false, 3), (0x81, true, 1), (0xFF, true, 63)]
        {
            let kernel = KernelType(byte);
            assert_eq!((kernel.is_domestic(), kernel.short_kernel_id()), (is_domestic, short_kernel_id));
        }
    }
}
