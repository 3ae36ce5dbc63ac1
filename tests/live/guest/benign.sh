# Runs in a guest with systemd: a day of a small server in an hour. What runs is watched from early in the boot by `saker run` with the rules in
# /rules (alerts in /out/alerts) and by `saker record` (/out/benign.scap). /works says which. /out/phases has the second at which each kind of work began, and its name.
# The account `admin`, who has a key and may use sudo, and the job of cron were made with the system (scripts/vm.d/system.sh).
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
release=$(uname -r)
status=0
phase() {
    echo "$(date +%s) $1" >>/out/phases
    echo "== $1 ($(cut -d. -f1 /proc/uptime) s after the start)"
}
# What our rules say meanwhile, for a person who waits; the table is made outside.
told() {
    tail -n "+$((seen + 1))" /out/alerts | jq -r '"  " + .rule + ": " + .output' | cut -c 1-400
    seen=$(wc -l </out/alerts)
}
seen=0
# Work that fails proves nothing.
work() {
    phase "$1"
    if (set -e; "do_$1") >"/tmp/$1.log" 2>&1; then
        echo "done     $1"
    else
        echo "FAILED   $1:"
        tail -n 15 "/tmp/$1.log"
        status=1
    fi
    told
}
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"; }
archive() { ln -sfn "$1" /srv/archive/now; }

do_install() {
    archive old
    apt update
    apt install --no-install-recommends cron rsync sudo nano bsdextrautils
    archive new
    apt update
    apt install --no-install-recommends openssh-server nginx postgresql sqlite3 apache2-utils
    systemctl is-active ssh nginx postgresql cron
}

do_upgrade() {
    apt upgrade
    # What is installed once more runs what an upgrade of it runs.
    apt install --reinstall systemd udev libpam-systemd libpam-runtime passwd login libc-bin base-files dbus logrotate rsyslog
    apt autoremove
    dpkg --audit
    systemctl is-active ssh cron
}

do_module() {
    mkdir -p /usr/src/hello
    cd /usr/src/hello
    printf '#include <linux/module.h>\nstatic int __init hello(void) { return 0; }\nmodule_init(hello);\nMODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("hello");\n' >hello.c
    echo 'obj-m := hello.o' >Makefile
    make -C "/usr/src/linux-headers-$release" M="$PWD" modules
    make -C "/usr/src/linux-headers-$release" M="$PWD" modules_install
    depmod
    modinfo hello
}

do_container() {
    mkdir -p /root/image/bin
    cd /root/image
    cp /bin/busybox bin/busybox
    for name in sh sleep cat echo ls true httpd wget; do ln -sf busybox bin/$name; done
    tar -C /root/image -cf /root/base.tar bin
    podman import -q /root/base.tar localhost/base:1
    mkdir -p /root/app/site
    echo hello >/root/app/site/index.html
    printf 'FROM localhost/base:1\nCOPY site /site\nRUN ls /site >/list\nCMD ["/bin/httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/site"]\n' >/root/app/Containerfile
    podman build -q --network none -t localhost/app:1 /root/app
    podman run -d --network none --name app localhost/app:1
    for _ in $(seq 60); do podman exec app /bin/wget -q -O - http://127.0.0.1:8080/ && break; sleep 1; done
    podman exec app /bin/wget -q -O - http://127.0.0.1:8080/ | grep hello
    podman run --rm --network none localhost/base:1 /bin/echo once
    podman ps
    podman logs app
    podman stats --no-stream app
    podman stop -t 5 app
    podman rm app
}

do_cron() {
    for _ in $(seq 200); do [ -e /var/lib/report ] && break; sleep 1; done
    [ -e /var/lib/report ]
    su admin -c 'printf "* * * * * date > /home/admin/stamp\n" | crontab -'
    for _ in $(seq 200); do [ -e /home/admin/stamp ] && break; sleep 1; done
    [ -e /home/admin/stamp ]
    su admin -c 'crontab -l'
    run-parts /etc/cron.daily
    systemctl start logrotate.service
    systemctl start systemd-tmpfiles-clean.service
    systemctl start fstrim.service || true
}

login() { su admin -c "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new admin@127.0.0.1 '$1'"; }
do_ssh() {
    login 'uptime; w; ls -la; df -h; ps aux | head -n 5; tail -n 3 /etc/passwd'
    login 'sudo systemctl status nginx --no-pager; sudo systemctl restart nginx; sudo journalctl -u nginx -n 5 --no-pager'
    login 'sudo sed -i "s/worker_connections 768/worker_connections 1024/" /etc/nginx/nginx.conf && sudo nginx -t && sudo systemctl reload nginx'
    login 'printf "[Unit]\nDescription=Job\n[Service]\nExecStart=/bin/true\n" | sudo tee /run/job.service >/dev/null; sudo -i id; sudo tail -n 3 /var/log/syslog'
    login 'sudo ss -tlnp | head -n 5; ip -br addr; sudo du -sh /var/log; sudo find /etc -name "*.conf" -newer /etc/hostname | head'
    login 'vmstat 1 2; free -m; top -b -n 1 | head -n 8; sudo dmesg | tail -n 2; last -n 2 || true; groups; sudo -l'
    echo notes >/home/admin/notes && chown admin: /home/admin/notes
    su admin -c 'scp -q -o BatchMode=yes /home/admin/notes admin@127.0.0.1:notes.copy'
    su admin -c 'echo "ls /home/admin" | sftp -q -b - -o BatchMode=yes admin@127.0.0.1'
    login 'sudo apt-get -q -y install --reinstall nano'
    # A wrong key is refused.
    ! su admin -c 'ssh -o BatchMode=yes -i /dev/null nobody@127.0.0.1 true'
}

do_database() {
    cd /
    su postgres -c 'createuser app; createdb -O app app; psql -q app -c "create table t as select generate_series(1, 20000) x" -c "select sum(x) from t"'
    bin=$(ls -d /usr/lib/postgresql/*/bin)
    su postgres -c "$bin/pgbench -q -i -s 1 app && $bin/pgbench -c 4 -T 20 app"
    su postgres -c 'vacuumdb -z app'
    systemctl reload postgresql
    sqlite3 /var/tmp/db 'create table t(x); with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) insert into t select x from c; select sum(x) from t;'
    sqlite3 /var/tmp/db .dump >/var/tmp/dump.sql
}

do_web() {
    for n in 1 2 3 4 5; do head -c $((n * 20000)) /dev/zero | tr '\0' x >/var/www/html/page$n.html; done
    ab -q -n 2000 -c 20 http://127.0.0.1/
    ab -q -n 500 -c 10 -k http://127.0.0.1/page3.html
    for n in 1 2 3 4 5 6; do curl -s -o /dev/null "http://127.0.0.1/page$n.html"; done
    printf 'from http.server import *\nHTTPServer(("127.0.0.1", 8000), SimpleHTTPRequestHandler).serve_forever()\n' >/srv/app.py
    printf '[Service]\nUser=www-data\nWorkingDirectory=/var/www/html\nExecStart=/usr/bin/python3 /srv/app.py\n' >/run/systemd/system/app.service
    systemctl daemon-reload
    systemctl start app
    for _ in $(seq 60); do curl -sf -o /dev/null http://127.0.0.1:8000/ && break; sleep 1; done
    ab -q -n 100 -c 4 http://127.0.0.1:8000/page1.html
    systemctl stop app
    logrotate -f /etc/logrotate.d/nginx
}

do_backup() {
    mkdir -p /var/backups/daily /srv/mirror
    tar -C / -czf /var/backups/daily/etc.tgz etc
    tar -C / -czf /var/backups/daily/home.tgz home root
    su postgres -c pg_dumpall | gzip >/var/backups/daily/postgres.gz
    rsync -a --delete /etc /home /var/www /srv/mirror/
    rsync -a --delete /etc /home /var/www /srv/mirror/
    su admin -c 'rsync -a -e "ssh -o BatchMode=yes" /home/admin/ admin@127.0.0.1:mirror/'
    mkdir /var/tmp/restore
    tar -C /var/tmp/restore -xzf /var/backups/daily/etc.tgz
    rsync -an --checksum /etc/ /var/tmp/restore/etc/
    sha256sum /var/backups/daily/* >/var/backups/daily/SHA256SUMS
    sha256sum -c /var/backups/daily/SHA256SUMS
    rm -r /var/tmp/restore
    find /var/backups/daily -mtime +30 -delete
}

systemctl is-active benign@record benign@detect || { tail -n 30 /run/benign-*.log; exit 1; }
systemctl is-system-running --wait >/dev/null
echo "the system is up"
told
for name in $(cat /works); do work $name; done
phase end
sleep 5
systemctl stop benign@detect benign@record
tail -n 8 /run/benign-detect.log /run/benign-record.log
cp /run/benign-*.log /out/
ls -l /out
exit $status
