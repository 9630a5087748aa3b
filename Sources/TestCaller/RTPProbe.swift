import CallModel
import Codecs

/// One RTP packet as received (RFC 3550 §5.1); the payload without padding and header extension.
public struct RTPPacket: Sendable, Hashable {
  public var payloadType: UInt8
  public var hasMarker: Bool
  public var sequenceNumber: UInt16
  public var timestamp: UInt32
  public var ssrc: UInt32
  public var payload: [UInt8]

  public init(
    payloadType: UInt8, hasMarker: Bool = false, sequenceNumber: UInt16, timestamp: UInt32, ssrc: UInt32,
    payload: [UInt8]
  ) {
    self.payloadType = payloadType
    self.hasMarker = hasMarker
    self.sequenceNumber = sequenceNumber
    self.timestamp = timestamp
    self.ssrc = ssrc
    self.payload = payload
  }

  /// Nil for what is not RTP version 2, is cut short, or is RTCP on the same port (RFC 5761 §4).
  public init?(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    guard bytes.count >= 12, bytes[0] >> 6 == 2, !(192...223).contains(bytes[1]) else { return nil }
    var start = 12 + Int(bytes[0] & 0x0f) * 4
    if bytes[0] & 0x10 != 0 {
      guard bytes.count >= start + 4 else { return nil }
      start += 4 + (Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])) * 4
    }
    var end = bytes.count
    if bytes[0] & 0x20 != 0 {
      guard let padding = bytes.last, padding > 0 else { return nil }
      end -= Int(padding)
    }
    guard start <= end else { return nil }
    self.init(
      payloadType: bytes[1] & 0x7f, hasMarker: bytes[1] & 0x80 != 0,
      sequenceNumber: UInt16(bytes[2]) << 8 | UInt16(bytes[3]),
      timestamp: bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) },
      ssrc: bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) }, payload: Array(bytes[start..<end]))
  }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = [0x80, payloadType & 0x7f | (hasMarker ? 0x80 : 0)]
    bytes += [UInt8(sequenceNumber >> 8), UInt8(sequenceNumber & 0xff)]
    for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: timestamp >> shift)) }
    for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: ssrc >> shift)) }
    return bytes + payload
  }
}

/// Sends audio in packets of equal length, and remembers when each went out.
public struct RTPSender: Sendable {
  public let payloadType: UInt8
  public let ssrc: UInt32
  /// Samples of 8 kHz a packet: 160 are 20 ms.
  public let samplesPerPacket: UInt32
  public private(set) var packetsSent = 0
  private var sequenceNumber: UInt16
  private var timestamp: UInt32
  /// When the packets with the latest 1024 sequence numbers went out, by the number's low ten bits.
  private var departures: [(sequenceNumber: UInt16, at: MonotonicInstant)?] = Array(
    repeating: nil, count: 1024)

  public init(
    payloadType: UInt8, ssrc: UInt32, sequenceNumber: UInt16, timestamp: UInt32,
    samplesPerPacket: UInt32 = 160
  ) {
    self.payloadType = payloadType
    self.ssrc = ssrc
    self.sequenceNumber = sequenceNumber
    self.timestamp = timestamp
    self.samplesPerPacket = samplesPerPacket
  }

  public mutating func packet(_ payload: [UInt8], now: MonotonicInstant) -> RTPPacket {
    let packet = RTPPacket(
      payloadType: payloadType, hasMarker: packetsSent == 0, sequenceNumber: sequenceNumber,
      timestamp: timestamp, ssrc: ssrc, payload: payload)
    departures[Int(sequenceNumber & 1023)] = (sequenceNumber, now)
    packetsSent += 1
    sequenceNumber &+= 1
    timestamp &+= samplesPerPacket
    return packet
  }

  /// The timestamp of the packet that goes out next.
  public var nextTimestamp: UInt32 { timestamp }

  /// A packet of an RFC 4733 event that began at `start`; it takes the place of audio, whose clock goes on.
  public mutating func event(
    _ payload: [UInt8], payloadType: UInt8, start: UInt32, isFirst: Bool, now: MonotonicInstant
  ) -> RTPPacket {
    var packet = packet(payload, now: now)
    packet.payloadType = payloadType
    packet.timestamp = start
    packet.hasMarker = isFirst
    return packet
  }

  /// A packet time in which nothing is sent: the numbers go on without a gap, the clock runs.
  public mutating func skip() { timestamp &+= samplesPerPacket }

  /// The time since the packet with this number went out, when the far end echoes packets; nil for one that never did.
  public func roundTrip(of sequenceNumber: UInt16, now: MonotonicInstant) -> TimeSpan? {
    guard let departure = departures[Int(sequenceNumber & 1023)], departure.sequenceNumber == sequenceNumber
    else { return nil }
    return now - departure.at
  }
}

/// Counts what arrives of one stream: loss, order, jitter, by RFC 3550 §6.4.1 and appendix A.
public struct RTPReceiver: Sendable {
  /// Samples a second of the payload's clock.
  public let clockRate: Double
  public private(set) var packetsReceived = 0
  public private(set) var duplicates = 0
  /// Packets that came after one with a higher number.
  public private(set) var reordered = 0
  /// Mean deviation of the spacing, in clock ticks.
  private var jitterTicks = 0.0
  private var first: Int64?
  private var highest: Int64 = 0
  private var lastTransit: Double?
  private var seen: Set<Int64> = []
  private var ssrc: UInt32?
  /// Numbers remembered to tell duplicates, and to bound the memory a hostile sender may cost.
  private static let window: Int64 = 1024

  public init(clockRate: Double = Double(G711.sampleRate)) { self.clockRate = clockRate }

  public var packetsExpected: Int { first.map { Int(highest - $0) + 1 } ?? 0 }
  public var packetsLost: Int { max(0, packetsExpected - packetsReceived) }
  /// Lost of expected, 0 to 1.
  public var loss: Double { packetsExpected == 0 ? 0 : Double(packetsLost) / Double(packetsExpected) }
  /// Milliseconds.
  public var jitter: Double { jitterTicks / clockRate * 1000 }

  /// Takes a packet; false if it is a duplicate. A new SSRC begins a new count.
  @discardableResult
  public mutating func receive(_ packet: RTPPacket, now: MonotonicInstant) -> Bool {
    if packet.ssrc != ssrc {
      let previous = ssrc
      self = RTPReceiver(clockRate: clockRate)
      ssrc = packet.ssrc
      if previous != nil { lastTransit = nil }
    }
    let number = extended(packet.sequenceNumber)
    guard seen.insert(number).inserted else {
      duplicates += 1
      return false
    }
    if first == nil {
      first = number
      highest = number
    } else if number > highest {
      highest = number
      if seen.count > 2 * RTPReceiver.window { seen = seen.filter { $0 > number - RTPReceiver.window } }
    } else {
      reordered += 1
      first = min(first ?? number, number)
    }
    packetsReceived += 1
    let transit = now.nanosecondsAsTicks(clockRate) - Double(packet.timestamp)
    if let lastTransit {
      // The timestamp wraps every 2^32 ticks.
      let change = abs((transit - lastTransit).remainder(dividingBy: 4_294_967_296))
      jitterTicks += (change - jitterTicks) / 16
    }
    lastTransit = transit
    return true
  }

  /// The number with its roll-overs counted: the candidate nearest to the highest so far.
  private func extended(_ number: UInt16) -> Int64 {
    guard first != nil else { return Int64(number) + 65_536 }
    let difference = Int16(truncatingIfNeeded: Int64(number) - highest)
    return highest + Int64(difference)
  }
}

extension MonotonicInstant {
  fileprivate func nanosecondsAsTicks(_ rate: Double) -> Double { Double(nanoseconds) / 1e9 * rate }
}

/// Puts received audio back on its time line, gaps filled with silence.
public struct AudioAssembly: Sendable {
  public private(set) var samples: [Int16] = []
  private let codec: G711
  private let limit: Int
  private var firstTimestamp: UInt32?

  /// - Parameter limit: Samples kept; later ones are dropped.
  public init(codec: G711, limit: Int = 60 * G711.sampleRate) {
    self.codec = codec
    self.limit = limit
  }

  public mutating func add(_ packet: RTPPacket) {
    guard packet.payloadType == codec.payloadType else { return }
    let start = firstTimestamp ?? packet.timestamp
    firstTimestamp = start
    let offset = Int(Int32(bitPattern: packet.timestamp &- start))
    guard offset >= 0, offset + packet.payload.count <= limit else { return }
    let end = offset + packet.payload.count
    if samples.count < end { samples += Array(repeating: 0, count: end - samples.count) }
    for (i, code) in packet.payload.enumerated() { samples[offset + i] = codec.decode(code) }
  }
}
