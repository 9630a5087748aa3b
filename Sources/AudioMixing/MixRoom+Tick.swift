import CallModel
import Codecs

extension MixRoom {
  /// The next 20 ms: hands a packet for each listener who is to be sent one to `send`.
  ///
  /// Called early, it does nothing; called late, time that passed is left out, and timestamps say so.
  public mutating func tick(now: MonotonicInstant, _ send: (MixedPacket) -> Void) {
    let origin = origin ?? now
    self.origin = origin
    let due = ((now - origin).nanoseconds + MixRoom.tickLength / 2) / MixRoom.tickLength
    guard due > tickIndex else { return }
    tickIndex = due
    counters.ticks &+= 1

    listen(now)
    addSpeakers(now)
    swap(&mix, &previousMix)
    if isSounding {
      limiter.process(sum, into: mix)
    } else {
      mix.update(repeating: 0, count: InboundAudio.mixFrame)
    }
    divideListeners()
    let isKeepAlive = tickIndex % Int64(EncodedMix.keepAlive) == 0
    encodeShared(isKeepAlive)
    encodeOwn(isKeepAlive)
    sendAll(isKeepAlive, send)
  }

  /// Who speaks, and how loud.
  private mutating func listen(_ now: MonotonicInstant) {
    for case let party? in participants {
      party.pointee.frame = -1
      guard party.pointee.inbound?.isAtRest == false else {
        party.pointee.speaker.note(hasVoice: false, level: -127)
        continue
      }
      let isHeard = party.pointee.appliedGain != 0 || party.pointee.speaker.isSelected
      guard let estimate = party.pointee.inbound?.prepare(now: now, isHeard: isHeard) else { continue }
      let isMuted = party.pointee.isMuted
      party.pointee.speaker.note(hasVoice: estimate.hasVoice && !isMuted, level: estimate.level)
      if isMuted { party.pointee.speaker.isSelected = false }
      if configuration.usesAutomaticGain {
        party.pointee.gain.note(level: estimate.level, hasVoice: estimate.hasVoice)
      }
    }
    selection.update(participants)
  }

  /// Adds up the voices and the prompt for all.
  private mutating func addSpeakers(_ now: MonotonicInstant) {
    MixArithmetic.clear(sum)
    voices = 0
    let buffer = UnsafeMutableBufferPointer(start: input, count: InboundAudio.mixFrame)
    for case let party? in participants {
      let applied = party.pointee.appliedGain
      let isSelected = party.pointee.speaker.isSelected
      guard isSelected || applied != 0 else {
        party.pointee.inbound?.skip()
        continue
      }
      party.pointee.appliedGain = 0
      guard voices < 2 * selection.places, party.pointee.inbound?.take(into: buffer, now: now) == true else {
        continue
      }
      let frame = frames + voices * InboundAudio.mixFrame
      if isSelected {
        let gain = party.pointee.gain.gain
        MixArithmetic.scale(input, from: applied, to: gain, into: frame)
        party.pointee.appliedGain = gain
      } else {
        MixArithmetic.fadeOut(input, from: applied, into: frame)
      }
      MixArithmetic.add(frame, to: sum)
      party.pointee.frame = voices
      voices += 1
    }
    if prompt?.add(to: sum) == false { prompt = nil }
    isSounding = voices > 0 || prompt != nil
  }

  /// Gives those who hear something of their own an encoding of their own, and takes them back later.
  private mutating func divideListeners() {
    // They come back together, so that few frames must be independent.
    let isMergeTime = tickIndex % Int64(MixRoom.separation) == 0
    for case let party? in participants where party.pointee.group >= 0 {
      let group = groups[party.pointee.group]
      if party.pointee.frame >= 0 || party.pointee.prompt != nil {
        party.pointee.separateTicks = MixRoom.separation
        if party.pointee.own == nil, let own = ownEncoding(like: group) {
          party.pointee.own = own
          group.pointee.listeners -= 1
        }
      } else if let own = party.pointee.own {
        party.pointee.separateTicks -= 1
        let isEasy = !isSounding || group.pointee.key.encoding.isStateless
        guard isEasy || party.pointee.separateTicks <= 0 && isMergeTime else { continue }
        merge(own, into: group)
        party.pointee.own = nil
      }
    }
  }

  private mutating func ownEncoding(
    like group: UnsafeMutablePointer<EncodedMix>
  ) -> UnsafeMutablePointer<EncodedMix>? {
    let own: UnsafeMutablePointer<EncodedMix>
    if let index = spare.firstIndex(where: { $0.pointee.key == group.pointee.key }) {
      own = spare.remove(at: index)
    } else {
      guard let mix = EncodedMix(group.pointee.key) else { return nil }
      own = .allocate(capacity: 1)
      own.initialize(to: mix)
    }
    own.pointee.follow(group.pointee, previous: previousMix)
    own.pointee.limiter = limiter
    return own
  }

  private mutating func merge(
    _ own: UnsafeMutablePointer<EncodedMix>, into group: UnsafeMutablePointer<EncodedMix>
  ) {
    if group.pointee.listeners == 0 {
      // Nobody else hears it: it goes on where this one is.
      group.pointee.follow(own.pointee, previous: previousMix)
    } else if isSounding {
      group.pointee.setIndependent(true)
    }
    group.pointee.listeners += 1
    if spare.count < 2 * selection.places {
      spare.append(own)
    } else {
      own.deinitialize(count: 1)
      own.deallocate()
    }
  }

  private mutating func encodeShared(_ isKeepAlive: Bool) {
    for group in groups where group.pointee.listeners > 0 {
      let before = group.pointee.encodedFrames
      if isSounding {
        group.pointee.encode(mix)
        group.pointee.setIndependent(false)
      } else {
        group.pointee.rest(silence: silence, isKeepAlive: isKeepAlive)
      }
      counters.encodedFrames &+= group.pointee.encodedFrames &- before
    }
  }

  private mutating func encodeOwn(_ isKeepAlive: Bool) {
    for case let party? in participants {
      guard let own = party.pointee.own else { continue }
      let frame = party.pointee.frame
      // Whose voice is the only one hears nothing.
      var sounds = prompt != nil || voices > (frame >= 0 ? 1 : 0)
      if !sounds {
        MixArithmetic.clear(scratch)
      } else if frame >= 0 {
        MixArithmetic.subtract(frames + frame * InboundAudio.mixFrame, from: sum, into: scratch)
      } else {
        MixArithmetic.copy(sum, to: scratch)
      }
      if party.pointee.prompt?.add(to: scratch) == false { party.pointee.prompt = nil }
      if party.pointee.prompt != nil { sounds = true }
      let before = own.pointee.encodedFrames
      if sounds {
        own.pointee.limiter.process(scratch, into: ownMix)
        own.pointee.encode(ownMix)
      } else {
        own.pointee.rest(silence: silence, isKeepAlive: isKeepAlive)
      }
      counters.encodedFrames &+= own.pointee.encodedFrames &- before
    }
  }

  private mutating func sendAll(_ isKeepAlive: Bool, _ send: (MixedPacket) -> Void) {
    let noise = UnsafeRawBufferPointer(noise)
    for i in participants.indices {
      guard let party = participants[i], party.pointee.group >= 0 else { continue }
      let id = MixParticipantID(index: i, generation: party.pointee.generation)
      let mix = party.pointee.own ?? groups[party.pointee.group]
      let packet = party.pointee.packet(
        mix.pointee, tick: tickIndex, isKeepAlive: isKeepAlive, noise: noise, id: id)
      guard let packet else { continue }
      counters.sentPackets &+= 1
      send(packet)
    }
  }

  /// When the room wants ``tick(now:_:)`` next; nil when nobody is in it, or nobody needs anything.
  public var nextTick: MonotonicInstant? {
    guard count > 0 else { return nil }
    guard let origin else { return .zero }
    var step: Int64 = prompt != nil || isSounding ? 1 : 0
    for case let party? in participants where step != 1 {
      let wanted = ticksUntilNeeded(party)
      if wanted > 0 { step = step == 0 ? wanted : min(step, wanted) }
    }
    guard step > 0 else { return nil }
    return origin + TimeSpan(nanoseconds: MixRoom.tickLength) * ((tickIndex / step + 1) * step)
  }

  /// 1: the next tick; more: at the next multiple; 0: never by itself.
  private func ticksUntilNeeded(_ party: UnsafeMutablePointer<MixParticipant>) -> Int64 {
    if party.pointee.inbound?.isAtRest == false || party.pointee.own != nil || party.pointee.prompt != nil {
      return 1
    }
    guard party.pointee.group >= 0 else { return 0 }
    if !groups[party.pointee.group].pointee.isQuiet { return 1 }
    return switch party.pointee.configuration.silence {
    case .continuous: 1
    case .comfortNoise: 10
    case .suppressed: Int64(EncodedMix.keepAlive)
    }
  }
}
