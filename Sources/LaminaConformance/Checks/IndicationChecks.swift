import CLamina
import CLinux
import Glibc
import Lamina

/// Events that travel up.
enum IndicationChecks {
    private static let mask = UInt32(1 << LAMINA_INDICATION_RECEIVE)
    private static let chunk = 50
    private static let count = 10

    static func serial(_ subject: Subject) throws {
        try subject.everywhere { rig in
            let scene = try Scene(rig)
            for _ in 0..<count { scene.raise() }
            guard Patience.wait(4_000, { scene.client.bytes >= count * chunk }) else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): of \(count * chunk) bytes \(scene.client.bytes) were indicated",
                    "pass indications on, or leave them empty"
                )
            }
            guard scene.client.mostInside <= 1 else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): \(scene.client.mostInside) ran at once on one socket",
                    "indicate one after the other, on the socket's engine"
                )
            }
            scene.close()
        }
    }

    static func clearingDrains(_ subject: Subject) throws {
        try subject.everywhere { rig in
            let scene = try Scene(rig)
            scene.client.stop()
            scene.raise()
            guard Patience.wait(Patience.call, { scene.client.isInside }) else {
                scene.client.go()
                throw NotApplicable("no indication comes \(rig.place)")
            }
            let clear = Call("enable_indications")
            let worker = Worker {
                clear.make { lamina_socket_enable_indications(scene.socket, 0, mask, $0) }
            }
            let isEarly = Patience.wait(Patience.grace) { clear.hasEnded }
            scene.client.go()
            worker.join()
            if isEarly {
                throw Finding(
                    "enable_indications",
                    "\(rig.place): a request that cleared an indication completed while one was being handled",
                    "complete it when the request below has"
                )
            }
            _ = try clear.needEnd(rig.place)
            let before = scene.client.calls
            scene.raise()
            Patience.pass()
            guard scene.client.calls == before else {
                throw Finding(
                    "receive indication",
                    "\(rig.place): came after the request that cleared it had completed",
                    "indicate only what the level above enabled"
                )
            }
            scene.close()
        }
    }

    /// A socket whose receive indications are enabled, and a way to raise them.
    private final class Scene: @unchecked Sendable {
        // Set up by one thread; handles may be used by any.
        let socket: lamina_socket
        let client = EventSink(dwells: true)
        private let rig: Rig
        private var pair: Pair?
        private var sends: [(Ask, Call)] = []

        init(_ rig: Rig) throws {
            self.rig = rig
            if rig.stage == nil {
                let pair = try rig.pair()
                self.pair = pair
                socket = pair.server
            } else {
                socket = try rig.ready(.connection)
            }
            try client.attach(to: socket, [LAMINA_INDICATION_RECEIVE], rig)
        }

        /// Lets one more indication come.
        func raise() {
            let bytes = [UInt8](repeating: 0x69, count: IndicationChecks.chunk)
            if let stage = rig.stage, let slot = stage.someSlot {
                // A level that indicates what it makes of its own receives hasn't asked for the stage's indications.
                let isAsked = clinux_load_u32(&slot.pointee.enabled) & mask != 0
                return isAsked ? stage.indicate(bytes, on: slot) : stage.deliver(bytes, to: slot)
            }
            guard let pair else { return }
            let ask = Ask(LAMINA_ENTRY_SEND, payload: bytes)
            let call = Call(ask.name)
            call.make { ask.issue(pair.client, $0) }
            // Nobody waits for it here: the engine may be inside an indication that waits for this thread.
            sends.append((ask, call))
        }

        func close() {
            if let pair { pair.close() } else { rig.close(socket) }
        }
    }
}
