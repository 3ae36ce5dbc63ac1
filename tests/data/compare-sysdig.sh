# What scripts/compare-sysdig records: files, processes, signals, descriptors, sockets. $1 is a scratch directory.
set -eu
cd "$1"
cat /etc/hostname >/dev/null
ls / >/dev/null
echo text >file
mkdir one
mv one two
chmod 700 two
rmdir two
ln -s file link
ln file hard
rm link hard
dd if=/dev/zero of=zeros bs=1k count=4 2>/dev/null
(sleep 0.1 & wait)
sleep 60 &
kill $!
wait || true
# In a file: sysdig cuts long arguments when it prints them.
cat >talk.pl <<'PERL'
use IO::Socket::INET;
use IO::Socket::UNIX;
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", Proto => "tcp") or die;
if (fork) { my $client = $server->accept; print $client "hello\n"; close $client; wait }
else { my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport); my $line = <$client>; exit }
my $udp = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 9, Proto => "udp"); print $udp "x";
my $unix = IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die;
pipe(my $read, my $write); syswrite $write, "x"; sysread $read, my $byte, 1;
$! = 0; open my $missing, "<", "/no/such/file"; rename "/no/such", "/other"; chdir "/"; umask 022;
PERL
perl talk.pl
