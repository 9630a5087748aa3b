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
    main.finish(hasVoices: voices > 0)
    MixArithmetic.clear(waiting.sum)
    waiting.finish(hasVoices: false)
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

  /// Adds up the voices.
  private mutating func addSpeakers(_ now: MonotonicInstant) {
    MixArithmetic.clear(main.sum)
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
      if !configuration.noiseReduction.isOff { party.pointee.clean(buffer, configuration.noiseReduction) }
      let frame = frames + voices * InboundAudio.mixFrame
      if isSelected {
        let gain = party.pointee.gain.gain
        MixArithmetic.scale(input, from: applied, to: gain, into: frame)
        party.pointee.appliedGain = gain
      } else {
        MixArithmetic.fadeOut(input, from: applied, into: frame)
      }
      MixArithmetic.add(frame, to: main.sum)
      party.pointee.frame = voices
      voices += 1
    }
  }

  func bus(of key: EncodingKey) -> MixBus { key.isForWaiting ? waiting : main }

  /// Gives those who hear something of their own an encoding of their own, and takes them back later.
  private mutating func divideListeners() {
    // They come back together, so that few frames must be independent.
    let isMergeTime = tickIndex % Int64(MixRoom.separation) == 0
    for case let party? in participants where party.pointee.group >= 0 {
      if party.pointee.hearing != party.pointee.wantedHearing { changeHearing(of: party) }
      let group = groups[party.pointee.group]
      if party.pointee.hearsOwnMix {
        party.pointee.separateTicks = MixRoom.separation
        if party.pointee.own == nil, let own = ownEncoding(like: group) {
          party.pointee.own = own
          group.pointee.listeners -= 1
        }
      } else if let own = party.pointee.own {
        party.pointee.separateTicks -= 1
        let isEasy = !bus(of: group.pointee.key).isSounding || group.pointee.key.encoding.isStateless
        guard isEasy || party.pointee.separateTicks <= 0 && isMergeTime else { continue }
        merge(own, into: group)
        party.pointee.own = nil
      }
    }
  }

  /// Hears from now on something else: through an encoding of its own at first, which goes on where the one before was.
  private mutating func changeHearing(of party: UnsafeMutablePointer<MixParticipant>) {
    guard let key = party.pointee.key, let group = group(for: key, party.pointee.wantedHearing) else {
      return
    }
    party.pointee.hearing = party.pointee.wantedHearing
    let old = party.pointee.group
    guard group != old else { return }
    if party.pointee.own == nil {
      groups[old].pointee.listeners -= 1
      if let own = ownEncoding(like: groups[old]) {
        party.pointee.own = own
      } else {
        groups[group].pointee.listeners += 1
      }
    }
    party.pointee.separateTicks = 1
    party.pointee.group = group
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
    let bus = bus(of: group.pointee.key)
    own.pointee.follow(group.pointee, previous: bus.previousMix)
    own.pointee.limiter = bus.limiter
    return own
  }

  private mutating func merge(
    _ own: UnsafeMutablePointer<EncodedMix>, into group: UnsafeMutablePointer<EncodedMix>
  ) {
    if group.pointee.listeners == 0 {
      // Nobody else hears it: it goes on where this one is.
      group.pointee.follow(own.pointee, previous: bus(of: group.pointee.key).previousMix)
    } else if bus(of: group.pointee.key).isSounding {
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
      let bus = bus(of: group.pointee.key)
      if bus.isSounding {
        group.pointee.encode(bus.mix)
        group.pointee.setIndependent(false)
      } else {
        group.pointee.rest(silence: silence, isKeepAlive: isKeepAlive)
      }
      counters.encodedFrames &+= group.pointee.encodedFrames &- before
    }
  }

  private mutating func encodeOwn(_ isKeepAlive: Bool) {
    for case let party? in participants {
      guard let own = party.pointee.own else {
        passTime(party)
        continue
      }
      let sounds = fillScratch(party)
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

  /// What a party hears that hears something of its own; false when it is silence.
  private mutating func fillScratch(_ party: UnsafeMutablePointer<MixParticipant>) -> Bool {
    let frame = party.pointee.frame
    if party.pointee.tone != nil {
      MixArithmetic.clear(scratch)
      if party.pointee.tone?.add(to: scratch) == false { party.pointee.tone = nil }
      return true
    }
    var sounds = false
    switch party.pointee.hearing {
    case .mix:
      // Whose voice is the only one hears nothing.
      sounds = main.prompt != nil || voices > (frame >= 0 ? 1 : 0)
      if sounds, frame >= 0 {
        MixArithmetic.subtract(frames + frame * InboundAudio.mixFrame, from: main.sum, into: scratch)
      } else if sounds {
        MixArithmetic.copy(main.sum, to: scratch)
      }
    case .waiting:
      sounds = waiting.isSounding
      if sounds { MixArithmetic.copy(waiting.sum, to: scratch) }
    case .nothing: break
    }
    if !sounds { MixArithmetic.clear(scratch) }
    if party.pointee.prompt?.add(to: scratch) == false { party.pointee.prompt = nil }
    return sounds || party.pointee.prompt != nil
  }

  /// What is played to somebody who cannot be sent anything takes its time all the same.
  private mutating func passTime(_ party: UnsafeMutablePointer<MixParticipant>) {
    if party.pointee.tone?.add(to: scratch) == false { party.pointee.tone = nil }
    if party.pointee.prompt?.add(to: scratch) == false { party.pointee.prompt = nil }
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
    let sounds = main.prompt != nil || main.isSounding || waiting.prompt != nil || waiting.isSounding
    var step: Int64 = sounds ? 1 : 0
    for case let party? in participants where step != 1 {
      let wanted = ticksUntilNeeded(party)
      if wanted > 0 { step = step == 0 ? wanted : min(step, wanted) }
    }
    guard step > 0 else { return nil }
    return origin + TimeSpan(nanoseconds: MixRoom.tickLength) * ((tickIndex / step + 1) * step)
  }

  /// 1: the next tick; more: at the next multiple; 0: never by itself.
  private func ticksUntilNeeded(_ party: UnsafeMutablePointer<MixParticipant>) -> Int64 {
    if party.pointee.inbound?.isAtRest == false || party.pointee.prompt != nil || party.pointee.tone != nil {
      return 1
    }
    guard party.pointee.group >= 0 else { return 0 }
    if party.pointee.hearing != party.pointee.wantedHearing { return 1 }
    if party.pointee.own != nil, party.pointee.hearing != .nothing { return 1 }
    let mix = party.pointee.own ?? groups[party.pointee.group]
    if !mix.pointee.isQuiet { return 1 }
    return switch party.pointee.configuration.silence {
    case .continuous: 1
    case .comfortNoise: 10
    case .suppressed: Int64(EncodedMix.keepAlive)
    }
  }
}
