//! Honest work that looks like the actions: none of our rules may answer to it. They play in the same scene.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::bail;
use saker_live::args;
use saker_live::calls::native;

use super::container::inside;
use super::scene::{FAR, WORK, run, run_tool, tool};
use super::{actions, network};

/// A path in the place where anybody may put files.
fn work(name: &str) -> String {
    format!("{WORK}/{name}")
}

actions! {
    // What attackers read, write, link and remove, in other places.
    "HonestReadOfUsers" "" => || {
        // In the scene there are none; it is asked for all the same.
        let _ = fs::read("/etc/passwd");
        Ok(())
    };
    "HonestReadOfShadowNamesake" "" => || {
        fs::create_dir_all(work("etc"))?;
        fs::write(work("etc/shadow"), "a picture's shadow\n")?;
        fs::read(work("etc/shadow"))?;
        Ok(())
    };
    "HonestWriteAtHome" "" => || Ok(fs::write("/home/user/notes", "")?);
    "HonestWriteBelowVar" "" => || Ok(fs::write("/var/cache-of-somebody", "")?);
    "HonestReadBelowEtc" "" => || {
        drop(File::open("/etc")?);
        // Opened to be written, but it is not there.
        let _ = OpenOptions::new().append(true).open("/etc/not-there");
        Ok(())
    };
    "HonestLinks" "" => || {
        fs::write(work("file"), "")?;
        symlink(work("file"), work("link"))?;
        Ok(fs::hard_link(work("file"), work("other"))?)
    };
    "HonestRemovalOfAFile" "" => || {
        fs::write(work("history"), "")?;
        Ok(fs::remove_file(work("history"))?)
    };
    "HonestAppendToALog" "" => || {
        let mut log = OpenOptions::new().append(true).create(true).open("/var/log/app.log")?;
        Ok(log.write_all(b"all is well\n")?)
    };
    "HonestDirectoryAndMode" "" => || {
        fs::create_dir(work("directory"))?;
        fs::write(work("directory/script"), "")?;
        Ok(fs::set_permissions(work("directory/script"), Permissions::from_mode(0o755))?)
    };
    "HonestPathWithDots" "" => || {
        fs::create_dir(work("a"))?;
        fs::write(work("b"), "")?;
        fs::read(work("a/../b"))?;
        Ok(())
    };
    "HonestReadOfDevices" "" => || {
        let mut some = [0_u8; 16];
        File::open("/dev/urandom")?.read_exact(&mut some)?;
        OpenOptions::new().write(true).open("/dev/null")?.write_all(&some)?;
        Ok(())
    };
    // What attackers run, with honest arguments.
    "HonestFind" "" => || run_tool("find", &["/srv", "-name", "*.txt", "-mtime", "+30"]);
    "HonestTools" "" => || {
        for (name, arguments) in [
            ("ls", &["-la", "/tmp"][..]),
            ("grep", &["-r", "colour", "."]),
            ("curl", &["https://example.com/"]),
            ("tar", &["-czf", "backup.tgz", "data"]),
            ("base64", &["-d", "attachment"]),
            ("rsync", &["-a", "a/", "b/"]),
            ("sudo", &["-l"]),
            ("pkexec", &["--version"]),
            ("ssh", &["-V"]),
        ] {
            run_tool(name, arguments)?;
        }
        Ok(())
    };
    "HonestProgramWithEnvironment" "" => || {
        run(Command::new(tool("program")?).env("LANG", "C").env("HTTPS_PROXY", "").env("MALLOC_ARENA_MAX", "2"))
    };
    "HonestMemoryFile" "" => || {
        let fd = native(libc::SYS_memfd_create, &args![c"buffer", libc::MFD_CLOEXEC]);
        if fd < 0 {
            bail!("memfd_create: {fd}");
        }
        native(libc::SYS_write, &args![fd, c"data", 4]);
        native(libc::SYS_close, &args![fd]);
        Ok(())
    };
    "HonestChild" "" => || {
        let child = native(libc::SYS_fork, &[]);
        if child == 0 {
            native(libc::SYS_exit_group, &[0]);
        }
        native(libc::SYS_kill, &args![child, libc::SIGTERM]);
        native(libc::SYS_wait4, &args![child, 0, 0, 0]);
        Ok(())
    };
    "HonestDropOfRights" "" => || {
        /// A user who is not root.
        const SOMEBODY: u32 = 1000;
        native(libc::SYS_setresgid, &args![SOMEBODY, SOMEBODY, SOMEBODY]);
        native(libc::SYS_setresuid, &args![SOMEBODY, SOMEBODY, SOMEBODY]);
        native(libc::SYS_setuid, &args![SOMEBODY]);
        Ok(())
    };
    // The network.
    "HonestConnections" "" => || {
        network::connect(443)?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        TcpStream::connect(listener.local_addr()?)?;
        Ok(())
    };
    "HonestNameLookup" "" => || Ok(UdpSocket::bind(("0.0.0.0", 0))?.connect((FAR, 53))?);
    // In a container.
    "HonestWorkInContainer" "" => || inside(|| {
        fs::write(work("output"), "")?;
        fs::read(work("output"))?;
        fs::read("/proc/self/status")?;
        run(Command::new(Path::new(WORK).join("saker-actions")).arg("list").stdout(std::process::Stdio::null()))
    });
}
