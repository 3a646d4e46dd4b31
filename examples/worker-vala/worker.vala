// SPDX-License-Identifier: LGPL-2.1-or-later
class Ticker : Muster.Worker {
    public override bool start () throws Error {
        Timeout.add_seconds (1, () => {
            this.get_logger ().log (Muster.Level.INFO, "tick", null);
            this.get_metrics ().inc ({ "clock" }, "ticks", 1);
            return Source.CONTINUE;
        });
        return true;
    }
}

int main (string[] args) {
    return new Ticker ().run (args);
}
