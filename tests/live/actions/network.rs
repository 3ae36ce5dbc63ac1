//! Actions on the network. The far host is this one.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::{Result, bail};
use saker_live::args;
use saker_live::calls::native;

use super::actions;
use super::scene::{FAR, run, step};

/// Connects to a port of the far host, where somebody listens.
pub(crate) fn connect(port: u16) -> Result<()> {
    let _listener = TcpListener::bind((FAR, port))?;
    TcpStream::connect((FAR, port))?;
    Ok(())
}

/// Listens on an address that others could reach, and takes a connection.
pub(crate) fn listen() -> Result<()> {
    let listener = TcpListener::bind((FAR, 8_080))?;
    let _client = TcpStream::connect((FAR, 8_080))?;
    listener.accept()?;
    Ok(())
}

/// Receives what looks like a Java class.
pub(crate) fn receive_class() -> Result<()> {
    let listener = TcpListener::bind((FAR, 8_081))?;
    let mut client = TcpStream::connect((FAR, 8_081))?;
    let (server, _) = listener.accept()?;
    client.write_all(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52])?;
    let mut buffer = [0_u8; 64];
    let received = native(libc::SYS_recvfrom, &args![server.as_raw_fd(), buffer.as_mut_ptr(), 64, 0, 0, 0]);
    if received != 8 {
        bail!("received {received} bytes");
    }
    Ok(())
}

/// Says where datagrams go: to a port that no service has.
pub(crate) fn datagrams() -> Result<()> {
    let far: SocketAddr = (FAR, 9_999).into();
    Ok(UdpSocket::bind(("0.0.0.0", 0))?.connect(far)?)
}

actions! {
    "DisallowedSSHConnectionNonStandardPort" "Disallowed SSH Connection Non Standard Port" => || {
        run(&mut step("ssh", "connect")?)
    };
    "InterpretedProcsInboundNetworkActivity" "Interpreted procs inbound network activity" => || {
        run(&mut step("python3", "listen")?)
    };
    "InterpretedProcsOutboundNetworkActivity" "Interpreted procs outbound network activity" => || {
        run(&mut step("python3", "connect")?)
    };
    "JavaProcessClassFileDownload" "Java Process Class File Download" => || run(&mut step("java", "receive-class")?);
    "SystemProcsNetworkActivity" "System procs network activity" => || run(&mut step("sha1sum", "connect")?);
    "UnexpectedUDPTraffic" "Unexpected UDP Traffic" => datagrams;
}
