//! File capabilities: from the text of setcap(8) to the extended attribute that the kernel reads.
//!
//! The form is one clause, `cap_a,cap_b+ep`; the bytes are `vfs_cap_data` of revision 2
//! (linux/capability.h), little-endian on every machine.

/// The extended attribute that holds them.
pub(crate) const XATTR: &str = "security.capability";

/// The names by number (capabilities(7), linux/capability.h).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The value of [`XATTR`] for a clause: 20 bytes.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    let malformed = || {
        format!("the capabilities `{text}`, which are not of the form `cap_net_raw,cap_kill+ep`")
    };
    let (names, flags) = text.split_once(['+', '=']).ok_or_else(malformed)?;
    let mut set = 0u64;
    for name in names.split(',') {
        let known = name
            .strip_prefix("cap_")
            .and_then(|name| NAMES.iter().position(|n| *n == name));
        let number =
            known.ok_or_else(|| format!("the capability `{name}`, which Linux does not have"))?;
        set |= 1 << number;
    }
    if flags.is_empty() || !flags.chars().all(|flag| "eip".contains(flag)) {
        return Err(malformed());
    }
    // The kernel has one effective bit for the whole file, and it is of no use without `p` or `i`.
    let [effective, inheritable, permitted] = ['e', 'i', 'p'].map(|flag| flags.contains(flag));
    if effective && !inheritable && !permitted {
        return Err(malformed());
    }
    let revision = 0x0200_0000u32 | u32::from(effective);
    let [permitted, inheritable] =
        [permitted, inheritable].map(|given| if given { set } else { 0 });
    let mut bytes = revision.to_le_bytes().to_vec();
    for shift in [0, 32] {
        for words in [permitted, inheritable] {
            bytes.extend_from_slice(&((words >> shift) as u32).to_le_bytes());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_setcap_writes_them() {
        // Read back with getfattr after `setcap cap_net_bind_service+ep`.
        let expected = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(parse("cap_net_bind_service+ep").unwrap(), expected);
        assert_eq!(parse("cap_net_bind_service=ep").unwrap(), expected);
        let high = parse("cap_bpf,cap_chown+i").unwrap();
        assert_eq!(
            high,
            [0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0]
        );
    }

    #[test]
    fn others_are_refused() {
        assert!(parse("cap_fly+ep").unwrap_err().contains("does not have"));
        for text in [
            "cap_kill",
            "cap_kill+",
            "cap_kill+x",
            "cap_kill+e",
            "kill+ep",
            "",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
